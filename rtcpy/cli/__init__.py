"""The `rtcpy` command.

`main` holds the list of subcommands and nothing else; each subcommand is one module beside it with four names:

    NAME = "serve"                                # what one types
    SUMMARY = "run a STUN server"                 # one line for ``rtcpy --help``
    def add_arguments(parser): ...                # its options; sets the parser's description and epilog
    def run(arguments) -> int: ...                # does it; returns the exit status

`serve` runs the embedded servers; `demo` connects two peers and shows every packet of it; `explain` says what a packet, a
capture or a session description means (`inputs` finds out which of these it was given); `ladder` draws traces and captures.

Exit status: 0 done, 1 it failed (said on stderr), 2 the command line was wrong. To add one, write the module and put
it into `COMMANDS` of `main`.
"""
