"""Try a running deployment against the plan that it came from.

promise     what the plan says of one placement, in seconds
payloads    what is sent: labelled samples, example inputs, or the user's own bodies
arrivals    when it is sent
load        sends it, open loop
answers     what became of each request
endpoint    what the server says of itself, and how far away it is
intervals   how sure a share or a percentile is, when neighbours resemble each other
judgement   holds the replies against the promise
lone        what its server takes beside the model, from requests one by one
keeping     service times and what its server takes, as measurements for the next plan
verify      all of it in order
"""
