"""Where plugins meet the planner: only here are profilers and adapters named."""
