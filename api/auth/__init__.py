"""Who calls and what they may: keys, scopes, rates, addresses, origins."""
