"""Limits: how often somebody may ask a server, and how much a tenant may store.

============== =============================================================================================
``enforcers``  the interfaces, for classes of others that settings name
``rates``      requests per second, of each identity; ``buckets`` counts them, for all processes of a server
``quotas``     collections, records and bytes of each tenant
``runner``     a runner that asks the enforcers before each operation
``chosen``     the enforcers that settings name
============== =============================================================================================
"""
