"""Devices that are not here, as an envelope over a measurement that was made here.

    envelope    limits in force in the measuring process: threads, memory, quota
    cgroups     where the system lets a process be given a CPU quota
    network     the way to a deployment: a relay that delays and paces requests
    calibration known models, measured here, that tie this machine to the tables
    published   what others measured on devices: the tables that ratios come from
    ratios      device over this machine, by how long a model takes here
    bands       how far such a mapping was off, device by device, on the tables
    emulator    all of it behind the port `profilers.ports.Emulator`

The public name is `profilers.emulators.emulator.Emulators`.
"""
