"""What is measured, data in and data out: lesions, their places, loads, flags, and the columns of the tables."""
