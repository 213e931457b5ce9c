"""From the document to the optimizer's question: places, ways, demands, profiles, columns."""
