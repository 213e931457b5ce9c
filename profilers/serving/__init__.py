"""Serve a variant as it was profiled: the application that the manifests run.

loading     the variant's artefact, exported and loaded as profiling does
requests    what a client may send
batching    when a batch starts
turns       one queue for all servers of a machine
replica     what every replica does
app         the Ray Serve application of models that answer in batches
language    that of language models, which stream tokens
completions what a client of those may ask, in OpenAI's words
listening   a replica's own port, without Ray's proxy
metrics     what a replica counts
__main__    what a container starts
"""
