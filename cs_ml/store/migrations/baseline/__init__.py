"""The tables of the first revision, frozen: these modules do not follow `cs_ml.store.tables`.

Only the column types are shared with the living code; what they store may never change.
"""
