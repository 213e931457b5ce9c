"""Serve a variant as it was profiled: the application that the manifests run.

loading     the variant's artefact, exported and loaded as profiling does
requests    what a client may send
app         the Ray Serve application
__main__    what a container starts
"""
