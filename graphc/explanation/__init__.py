"""Accounts of what the compiler did, what memory holds, and where a NaN came from.

A text is made of sections (`sections`), each with the records that it tells of: the
passes (`passes`), the memory (`memory`), and a step that failed (`failures`).
"""
