"""Sample on servers over HTTP. How one engine is spoken to is said in its folder beside this one, in `api.py`."""
