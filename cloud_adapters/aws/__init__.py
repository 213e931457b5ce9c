"""AWS through boto3: prices, spot, shapes, and what its refusals mean."""
