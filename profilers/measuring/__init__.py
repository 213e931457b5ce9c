"""How a trial is timed and weighed, and what the machine does meanwhile.

Times
    measure, timing    warm-up, stopping rule, intervals; which batch sizes

What they depend on
    machine     what this machine says of itself
    control_groups    what a container leaves of it
    watch, neighbours, energy    who else is at work, clock, heat, energy
    memory, allocator, out_of_memory    what a replica holds, keeps, and dies of
"""
