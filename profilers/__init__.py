"""Measures models: which question is answered where.

What is asked, and what is told
    profiler      jobs become trials; those that the store lacks are run
    asking, demand, deciding    which trials, and how far along each curve (`points`)
    answering, profiles, served, cautions    what comes back, with servers and warnings
    trials, keys, store, encoding    one measurement, its key, where it is kept
    identity, int8_ways    what a model is by content, and what is the same under two names

Who runs it, and how it is timed
    running/      which trial on which slot, retries, hangs, losses; here or on Ray
    measuring/    the clock's rules, who else is at work, energy, memory
    worker        one trial in its process, from loading to grading
    emulators/    devices that are not here; `self_test` what this one is
    servers, serving/    what serving costs, and the server itself
    quality/      how good the answers are beside those of the model as given
    counting, onnx_counts    what a model asks of any device

What a model is made into
    models, sources/, factories    the user's network, weights and data, checked
    variants/     precisions, one file each; `compression/` is what they are made by
    artifacts/    the files written
    backends/     engines that load and run them; `feeds` what they are fed
    language/     reading and writing token by token, words, mixtures of experts

Others' measurements come in by `importers/`; running deployments are held against their
promise by `verifying/`. `foreign` is the boundary to code that is not ours, `ports` what
the parts ask of each other, `conformance` what every backend has to pass.
"""
