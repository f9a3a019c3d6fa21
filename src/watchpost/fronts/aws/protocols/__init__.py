"""The five protocols AWS's clients speak: json, cbor, query, rest_json, rest_xml.

Each module offers a class that is a `watchpost.fronts.aws.wire.Wire` for one service's model.
"""
