"""The files that variants are written to, one a variant.

What they are
    artifact    a file that has been written, its digest; put in place whole or not at all

How each kind is written
    weights    a network's tensors, as safetensors
    exporting, onnx_files    graphs for ONNX: from a module; what is asked of those that come
    openvino_files    graph and weights in one archive, for OpenVINO
"""
