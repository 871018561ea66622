package wire

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// hidden stands for a password or Authentication Data.
const hidden = "***"

// maxShown bounds what a summary shows of a text or payload, in bytes, and maxListed of a list, in entries.
const (
	maxShown  = 64
	maxListed = 16
)

// Summary returns the packet in one line of ASCII for traces and reports, such as
//
//	PUBLISH q1 dup id=7 "a/b" 5 bytes "hello" [Message Expiry Interval: 9]
//
// Version v decides on the names of codes and on whether there are any. Texts and lists are cut where they are long. Passwords
// and Authentication Data are not shown.
func Summary(p Packet, v Version) string {
	if p == nil {
		return "no packet"
	}
	var b line
	b.WriteString(p.Type().String())
	switch p := p.(type) {
	case Connect:
		b.connect(p, v)
	case Connack:
		b.when(p.SessionPresent, " session-present")
		b.when(p.ReservedFlags != 0, " reserved-flags=0x%02X", p.ReservedFlags)
		b.add(" %s", codeText(p.ReasonCode, CONNACK, v))
	case Publish:
		b.WriteString(p.flagsText())
		b.when(p.QoS > 0, " id=%d", p.PacketID)
		b.add(" %s %s", quoted(p.Topic), payloadText(p.Payload))
	case Puback:
		b.ack(Ack(p), PUBACK, v)
	case Pubrec:
		b.ack(Ack(p), PUBREC, v)
	case Pubrel:
		b.ack(Ack(p), PUBREL, v)
	case Pubcomp:
		b.ack(Ack(p), PUBCOMP, v)
	case Subscribe:
		b.add(" id=%d", p.PacketID)
		list(&b, p.Subscriptions, Subscription.String)
	case Suback:
		b.add(" id=%d", p.PacketID)
		b.codes(p.ReasonCodes, SUBACK, v)
	case Unsubscribe:
		b.add(" id=%d", p.PacketID)
		list(&b, p.Filters, quoted)
	case Unsuback:
		b.add(" id=%d", p.PacketID)
		b.codes(p.ReasonCodes, UNSUBACK, v)
	case Disconnect:
		b.when(v != V311, " %s", codeText(p.ReasonCode, DISCONNECT, v))
	case Auth:
		b.add(" %s", codeText(p.ReasonCode, AUTH, v))
	case Raw:
		b.add(" raw %s", countBytes(len(p)))
	case WithFlags:
		return fmt.Sprintf("%s flags=%04b", Summary(p.Packet, v), p.Flags&15)
	case WithTrailing:
		return fmt.Sprintf("%s trailing %s", Summary(p.Packet, v), countBytes(len(p.Bytes)))
	}
	b.properties(PropertiesOf(p))
	return b.String()
}

// line is a summary that is being written.
type line struct{ strings.Builder }

func (b *line) add(format string, args ...any) { fmt.Fprintf(&b.Builder, format, args...) }

func (b *line) when(cond bool, format string, args ...any) {
	if cond {
		b.add(format, args...)
	}
}

func (b *line) connect(c Connect, v Version) {
	if c.ProtocolVersion != 0 {
		v = c.ProtocolVersion
	}
	if c.ProtocolName != "" && c.ProtocolName != "MQTT" {
		b.add(" %s", quoted(c.ProtocolName))
	}
	b.add(" %v %s", v, quoted(c.ClientID))
	b.when(c.CleanStart, " clean")
	b.add(" keep-alive=%d", c.KeepAlive)
	b.when(c.ConnectFlags != nil, " flags=0x%02X", c.Flags())
	if c.Username != nil {
		b.add(" user=%s", quoted(*c.Username))
	}
	b.when(c.Password != nil, " password=%s", hidden)
	if w := c.Will; w != nil {
		b.add(" will(%s %s %s", strings.TrimSpace(Publish{QoS: w.QoS, Retain: w.Retain}.flagsText()), quoted(w.Topic),
			payloadText(w.Payload))
		b.properties(w.Properties)
		b.WriteByte(')')
	}
}

func (b *line) ack(a Ack, t Type, v Version) {
	b.add(" id=%d", a.PacketID)
	b.when(v != V311, " %s", codeText(a.ReasonCode, t, v))
}

func (b *line) codes(codes []ReasonCode, t Type, v Version) {
	list(b, codes, func(c ReasonCode) string { return codeText(c, t, v) })
}

func (b *line) properties(ps Properties) {
	if len(ps) == 0 {
		return
	}
	b.WriteString(" [")
	var in line
	list(&in, ps, Property.String)
	b.WriteString(strings.TrimSpace(in.String()))
	b.WriteByte(']')
}

// list writes the first entries, separated by commas, and how many there are besides.
func list[T any](b *line, entries []T, text func(T) string) {
	for i, e := range entries {
		if i == maxListed {
			b.add(" and %d more", len(entries)-i)
			return
		}
		b.when(i > 0, ",")
		b.add(" %s", text(e))
	}
}

// flagsText returns the flags of the fixed header, each after a space.
func (p Publish) flagsText() string {
	s := fmt.Sprintf(" q%d", p.QoS)
	if p.Dup {
		s += " dup"
	}
	if p.Retain {
		s += " retain"
	}
	return s
}

// String returns the Topic Filter and the options that are not zero, such as "\"a/+\" q1 no-local".
func (s Subscription) String() string {
	var b line
	b.add("%s q%d", quoted(s.Filter), s.QoS)
	b.when(s.NoLocal, " no-local")
	b.when(s.RetainAsPublished, " retain-as-published")
	b.when(s.RetainHandling != 0, " retain-handling=%d", s.RetainHandling)
	b.when(s.ReservedBits != 0, " reserved-bits=%d", s.ReservedBits)
	return b.String()
}

func codeText(c ReasonCode, t Type, v Version) string {
	return fmt.Sprintf("0x%02X %s", byte(c), c.Name(t, v))
}

func countBytes(n int) string {
	if n == 1 {
		return "1 byte"
	}
	return fmt.Sprintf("%d bytes", n)
}

// payloadText returns the length of b and its beginning.
func payloadText[T string | []byte](b T) string {
	if len(b) == 0 {
		return "0 bytes"
	}
	return countBytes(len(b)) + " " + quoted(b)
}

// quoted returns the beginning of s in quotes, in ASCII: whatever else s holds, such as control characters and
// characters that change the direction of writing, is escaped.
func quoted[T string | []byte](s T) string {
	if len(s) <= maxShown {
		return strconv.QuoteToASCII(string(s))
	}
	n := maxShown
	for i := 0; i < utf8.UTFMax && !utf8.RuneStart(s[n]); i++ { // not amid a character
		n--
	}
	return strconv.QuoteToASCII(string(s[:n])) + "..."
}
