"""Serve a variant as it was profiled: the application that the manifests run.

loading     the variant's artefact, exported and loaded as profiling does
requests    what a client may send
batching    when a batch starts
turns       one queue for all servers of a machine
app         the Ray Serve application
listening   a replica's own port, without Ray's proxy
metrics     what a replica counts
__main__    what a container starts
"""
