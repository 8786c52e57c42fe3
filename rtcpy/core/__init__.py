"""What every layer stands on: the Machine contract, timers, serial numbers, injected entropy and clocks, errors.

Nothing here knows a protocol. Read `machine` first (the contract and its nine laws), then `timers`,
`serial`, `env`, `errors`, `enums` and `tap`; each is a page.
"""
