"""Profiles of a model on devices that nobody measured it on, each from one step.

By what is known of the device (`planner.perf` has their mathematics):

    models      other models were measured there, in the same precision    transfer.py
    sizes       the model was measured on another size of that processor   sizes.py
    relatives   the model was measured on a device like it, as is argued in
                `planner.reference.relatives`
    peaks       only its peaks are known, and the model's times on others  peaks.py
    curves      a language model's load curves on others, and the host     roofline.py

Predictions are never predicted from. What is predicted is said to be: provenance,
interval, rows used.
"""
