"""The command line: the steps, the flags that they share, how a command runs, completion in the shell."""

from yucca_wm.cli.command import EXIT_FAILURE, EXIT_OK, EXIT_USAGE, Parser, exit_code, report_failures, run

__all__ = ["EXIT_FAILURE", "EXIT_OK", "EXIT_USAGE", "Parser", "exit_code", "report_failures", "run"]
