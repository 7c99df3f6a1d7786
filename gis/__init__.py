"""A toolkit for geographic registers: layers, access rights, history, releases and exports on PostGIS.

It knows no particular subject. ``layers`` declares the subject: its layers, the roles of links between their features,
its routes and its policy. Another department, such as forestry, could declare its own.
"""
