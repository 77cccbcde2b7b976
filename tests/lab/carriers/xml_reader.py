# SPDX-License-Identifier: Apache-2.0
"""XML as a careful gateway reads it: well-formed, no entity of its own, no DTD but a named one.

read() gives an ElementTree element or raises ValueError. Nothing is ever fetched.
"""
import xml.etree.ElementTree as ET
from xml.parsers import expat


def read(octets, doctypes=()):
    """The root element. A document type is refused unless its name is one of `doctypes`."""
    builder, parser = ET.TreeBuilder(), expat.ParserCreate()
    parser.buffer_text = True

    def refuse(what):
        def call(*_):
            raise ValueError(what)
        return call

    def doctype(name, _system, _public, inner):
        if name not in doctypes or inner:
            raise ValueError(f"a document type {name}")

    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = doctype
    parser.EntityDeclHandler = refuse("an entity is declared")
    parser.SkippedEntityHandler = refuse("an entity that XML does not have")
    parser.ProcessingInstructionHandler = refuse("a processing instruction")
    try:
        parser.Parse(octets, True)
    except expat.ExpatError as error:
        raise ValueError(str(error)) from None
    return builder.close()
