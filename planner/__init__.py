"""Distributed, cost-aware deployment planner for deep learning."""
