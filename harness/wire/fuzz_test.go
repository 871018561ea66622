package wire

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"
)

// FuzzDecode decodes any bytes. What decodes without a violation is legal, so writing it gives bytes that decode to the
// same packet; what does not has its violation within the bytes.
func FuzzDecode(f *testing.F) {
	for _, file := range []string{"good.txt", "bad.txt"} {
		for _, v := range vectors(f, file) {
			f.Add(v.bytes, v.d.Version == V5, v.d.Sender == FromServer)
		}
	}
	f.Fuzz(func(t *testing.T, frame []byte, v5, server bool) {
		d := Decoder{Version: V311, Sender: FromClient}
		if v5 {
			d.Version = V5
		}
		if server {
			d.Sender = FromServer
		}
		p, err := d.Decode(frame)
		checkDissection(t, frame, d)
		if p != nil {
			checkSummary(t, p, d.Version)
		}
		if err != nil {
			v := err.(*Violation)
			if v.Offset < 0 || v.Offset > len(frame) || v.Code < MalformedPacket || v.Fault == "" {
				t.Fatalf("% X: %#v", frame, v)
			}
			if p != nil {
				p.Append(nil, d.Version)
			}
			return
		}
		form := d.Version
		if c, ok := p.(Connack); ok && len(frame) == 4 && c.ReasonCode != 0 {
			form = V311 // a refusal by a server that does not speak 5.0
		}
		again := Bytes(p, form)
		if form == V5 && len(again) > len(frame) && !bytes.Equal(again, frame) {
			t.Fatalf("% X\nis written longer than it was:\n% X", frame, again)
		}
		got, err := d.Decode(again)
		if err != nil || !reflect.DeepEqual(got, p) {
			t.Fatalf("% X\nwritten again: % X\n%#v\n%#v\n%v", frame, again, p, got, err)
		}
	})
}

// checkSummary fails unless the summary is one line of printable ASCII.
func checkSummary(t interface{ Fatalf(string, ...any) }, p Packet, v Version) {
	s := Summary(p, v)
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) || len(s) > 20_000 {
		t.Fatalf("summary of %d bytes: %q", len(s), s)
	}
}

// FuzzReadFrame reads any stream. What is returned is its beginning, whole or with an error, however it arrives.
func FuzzReadFrame(f *testing.F) {
	for _, v := range vectors(f, "good.txt") {
		f.Add(append(v.bytes, 0xC0, 0), 0)
	}
	f.Add([]byte{0x30, 0xFF, 0xFF, 0xFF, 0x7F, 1}, 0)
	f.Add([]byte{0x30, 0xFF, 0xFF, 0xFF, 0xFF}, 1<<20)
	f.Fuzz(func(t *testing.T, stream []byte, limit int) {
		in := bytes.NewReader(stream)
		frame, err := ReadFrame(in, limit)
		if read := stream[:len(stream)-in.Len()]; !bytes.Equal(frame, read) {
			t.Fatalf("returned % X, read % X", frame, read)
		}
		if cap(frame) > 2*len(stream)+2*readChunk {
			t.Fatalf("memory of %d bytes for a stream of %d", cap(frame), len(stream))
		}
		slow, slowErr := ReadFrame(iotest.OneByteReader(bytes.NewReader(stream)), limit)
		if !bytes.Equal(frame, slow) || !reflect.DeepEqual(err, slowErr) {
			t.Fatalf("% X, %v; byte by byte: % X, %v", frame, err, slow, slowErr)
		}
		h, n, headerErr := ParseHeader(stream)
		_, violated := errors.AsType[*Violation](err)
		switch {
		case err == nil:
			if headerErr != nil || len(frame) != n+h.Length || limit > 0 && len(frame) > limit {
				t.Fatalf("% X with limit %d returned as whole", frame, limit)
			}
		case violated:
			if headerErr == nil && (limit <= 0 || n+h.Length <= limit) {
				t.Fatalf("limit %d: %v", limit, err)
			}
		case err == io.EOF:
			if len(stream) > 0 {
				t.Fatalf("% X: %v", stream, err)
			}
		case err != io.ErrUnexpectedEOF || len(frame) != len(stream):
			t.Fatalf("% X: %v", stream, err)
		}
	})
}

// legalFilter is CheckFilter of 3.1.1 in another way: each level is "+", or "#" at the end, or has neither.
var legalFilter = regexp.MustCompile(`^(([^+#/]*|\+)/)*([^+#/]*|\+|#)$`)

// matches is Matches in another way: level by level from the end of the definition.
func matches(filter, topic []string) bool {
	switch {
	case len(filter) == 1 && filter[0] == "#":
		return true // the parent level and all below
	case len(filter) == 0 || len(topic) == 0:
		return len(filter) == len(topic)
	}
	return (filter[0] == "+" || filter[0] == topic[0]) && matches(filter[1:], topic[1:])
}

// FuzzFilter compares CheckFilter, SharedFilter and Matches with their counterparts above.
func FuzzFilter(f *testing.F) {
	for _, filter := range []string{"", "#", "+", "/", "a/+/c", "a/#", "a/#/b", "a+", "$SYS/#", "+/+", "$share/g/a/#", "$share//a", "$share/g", "$share/+/a", "$share/g/", "é/#"} {
		for _, topic := range []string{"a", "a/b/c", "/", "/a", "a/", "$SYS/x", "$share/g/a", "é"} {
			f.Add(filter, topic)
		}
	}
	f.Fuzz(func(t *testing.T, filter, topic string) {
		legal := filter != "" && legalFilter.MatchString(strings.ToValidUTF8(filter, "?"))
		if got := CheckFilter(filter, V311); (got == nil) != legal {
			t.Fatalf("CheckFilter(%q, 3.1.1): %v", filter, got)
		}
		name, inner, shared := SharedFilter(filter)
		if shared != regexp.MustCompile(`(?s)^\$share/[^/+#]+/.`).MatchString(strings.ToValidUTF8(filter, "?")) {
			t.Fatalf("SharedFilter(%q): %v", filter, shared)
		}
		if shared && "$share/"+name+"/"+inner != filter || !shared && inner != filter {
			t.Fatalf("SharedFilter(%q): %q, %q", filter, name, inner)
		}
		err := CheckFilter(filter, V5)
		switch {
		case shared:
			legal = CheckFilter(inner, V311) == nil
		case strings.HasPrefix(filter, "$share/"):
			legal = false
		}
		if (err == nil) != legal {
			t.Fatalf("CheckFilter(%q, 5.0): %v", filter, err)
		}
		if CheckFilter(filter, V311) != nil || topic == "" || strings.ContainsAny(topic, "+#") {
			return
		}
		want := matches(strings.Split(filter, "/"), strings.Split(topic, "/"))
		if topic[0] == '$' && (filter[0] == '+' || filter[0] == '#') {
			want = false
		}
		if got := Matches(filter, topic); got != want {
			t.Fatalf("Matches(%q, %q): %v", filter, topic, got)
		}
	})
}
