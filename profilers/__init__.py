"""Measures models: which question is answered where.

What is asked, and what is told
    profiler      jobs become trials; those that the store lacks are run
    asking, demand, deciding    which trials, and how far along each curve (`points`)
    answering, profiles, served, cautions    what comes back, with servers and warnings
    trials, keys, store, encoding    one measurement, its key, where it is kept
    identity, int8_ways    what a model is by content, and what is the same under two names

Who runs it, and where
    schedule, events, limits, session    which trial on which slot, retries, hangs, losses
    local, warm, process    slots that are processes of this machine
    actors, cluster    slots that are Ray actors; `scenarios` solves problems there
    worker        one trial in its process, from loading to grading
    emulators/    devices that are not here; `self_test`, `machine` what this one is

How it is timed and weighed
    measure, timing    warm-up, stopping rule, intervals; `language` for tokens
    watch, neighbours, energy    who else is at work, clock, heat, energy
    memory, allocator, out_of_memory    what a replica holds, keeps, and dies of
    servers, serving/    what serving costs, and the server itself
    quality/      how good the answers are beside those of the model as given
    counting, onnx_counts    what a model asks of any device

What a model is made into
    models, sources/, factories    the user's network, weights and data, checked
    variants/     precisions; `pruning`, `weight_only`, `compiled_int8`,
                  `compiled_int8_static`, `torchao_tensors` are their means
    exporting, onnx_files, openvino_files, weights, artifacts    the files written
    backends/     engines that load and run them; `feeds` what they are fed
    decoding, wording, experts    language models: reading, writing, words, mixtures

Others' measurements come in by `importers/`; running deployments are held against their
promise by `verifying/`. `foreign` is the boundary to code that is not ours, `ports` what
the parts ask of each other, `conformance` what every backend has to pass.
"""
