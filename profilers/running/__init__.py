"""Who runs a trial, and where.

What decides
    schedule    which trial on which slot, retries, hangs, losses; `events` its words
    limits      when measuring gives up on a worker or a trial
    session     drives a schedule on an executor, stores results as they come

What carries it out
    local, warm, process    slots that are processes of this machine
    actors, cluster    slots that are Ray actors
    scenarios    problems that do not depend on each other, on a Ray cluster
"""
