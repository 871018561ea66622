package wire

import (
	"fmt"
	"strings"
)

// properties reads the property list of place, which is a packet type or the Will Properties. 3.1.1 has none.
func (s *scanner) properties(place Type) (ps Properties) {
	if s.version == V311 || s.broken {
		return nil
	}
	lengthAt := s.at
	length := int(s.varint("Property Length"))
	if s.broken {
		return nil
	}
	outer := s.end
	if length > s.end-s.at {
		s.fail(FaultTruncated, lengthAt, MalformedPacket, "Property Length %d, %d bytes are left", length, s.end-s.at)
		return nil
	}
	s.end = s.at + length
	var seen uint64
	for !s.broken && s.at < s.end {
		at := s.at
		n := s.varint("Property Identifier")
		if s.broken {
			break
		}
		id := PropertyID(min(n, 0xFF)) // none that needs more than a byte is defined
		r, known := id.rule()
		if !known {
			// its length is unknown, so the rest of the list means nothing
			s.note(FaultPropertyUnknown, at, MalformedPacket, "0x%02X", n)
			s.skip(propertiesNotUnderstood)
			break
		}
		if s.dissect {
			s.explain(fmt.Sprintf("0x%02X %s", n, r.name))
		}
		p := s.property(id, r.form)
		if s.broken {
			break
		}
		s.checkProperty(p, place, at, seen&(1<<id) != 0)
		seen |= 1 << id
		ps = append(ps, p)
	}
	s.end = outer
	if place == CONNECT && seen&(1<<PropAuthenticationData) != 0 && seen&(1<<PropAuthenticationMethod) == 0 {
		s.note(FaultPropertyMissing, lengthAt, ProtocolError, "Authentication Data without Authentication Method")
	}
	return ps
}

// property reads the value of a property.
func (s *scanner) property(id PropertyID, f form) Property {
	p := Property{ID: id}
	switch what := id.String(); f {
	case formByte:
		p.Int = uint32(s.byte(what))
	case formUint16:
		p.Int = uint32(s.uint16(what))
	case formUint32:
		p.Int = s.uint32(what)
	case formVarint:
		p.Int = s.varint(what)
	case formBinary:
		p.Text = string(s.binary(what))
		if id == PropAuthenticationData {
			s.conceal()
		}
	case formString:
		p.Text = s.string(what)
	case formPair:
		p.Text = s.string("User Property, name")
		p.Value = s.string("User Property, value")
	}
	return p
}

// checkProperty notes what is wrong with a property that stands at the offset at of place.
func (s *scanner) checkProperty(p Property, place Type, at int, repeated bool) {
	id := p.ID
	switch {
	case !id.AllowedIn(place):
		s.note(FaultPropertyPlace, at, MalformedPacket, "%v", id)
	case id == PropSubscriptionIdentifier && place == PUBLISH && s.sender == FromClient:
		s.note(FaultSubscriptionIDDir, at, ProtocolError, "")
	case id == PropSessionExpiryInterval && place == DISCONNECT && s.sender == FromServer:
		s.note(FaultPropertyPlace, at, ProtocolError, "%v in a DISCONNECT from a server", id)
	case repeated && id != PropUserProperty && !(id == PropSubscriptionIdentifier && place == PUBLISH):
		s.note(FaultPropertyRepeated, at, ProtocolError, "%v", id)
	case id == PropTopicAlias && p.Int == 0:
		s.note(FaultPropertyValue, at, TopicAliasInvalid, "%v", p)
	case id.isBoolean() && p.Int > 1, id.isPositive() && p.Int == 0:
		s.note(FaultPropertyValue, at, ProtocolError, "%v", p)
	case id == PropResponseTopic && strings.ContainsAny(p.Text, "+#"):
		s.note(FaultTopic, at, ProtocolError, "%v", p)
	case id == PropResponseTopic && p.Text == "":
		s.note(FaultTopicEmpty, at, ProtocolError, "%v", id)
	}
}

// isBoolean reports whether only 0 and 1 are allowed.
func (id PropertyID) isBoolean() bool {
	return propertyRules[id].form == formByte
}

// isPositive reports whether 0 is not allowed. (Topic Alias has a Reason Code of its own.)
func (id PropertyID) isPositive() bool {
	switch id {
	case PropReceiveMaximum, PropMaximumPacketSize, PropSubscriptionIdentifier:
		return true
	}
	return false
}
