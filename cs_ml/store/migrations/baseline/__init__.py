"""Every table that the revisions make, written out once more, so that a change of a mapped class is noticed.

Revision 0001 makes them all in an empty database; 0002 makes what a database of an older clone lacks.
"""
