"""The command line: steps, shared flags, how a command runs, shell completion."""

from yucca_wm.cli.command import EXIT_FAILURE, EXIT_OK, EXIT_USAGE, Parser, exit_code, report_failures, run

__all__ = ["EXIT_FAILURE", "EXIT_OK", "EXIT_USAGE", "Parser", "exit_code", "report_failures", "run"]
