package netfault

import (
	"bytes"
	"io"
	"math/rand/v2"
	"sync/atomic"
	"testing"

	"github.com/mqttspec/mqttspec/harness/trace"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// split is where a framer finds the packets of a stream that comes in the given pieces; rest is what follows them.
func split(pieces [][]byte, skip bool) (packets [][]byte, rest []byte, undecodable bool) {
	var f framer
	var part []byte
	for i, b := range pieces {
		for len(b) > 0 {
			if skip {
				n := f.skip(b)
				for whole := b[:n]; len(whole) > 0; {
					p, err := wire.ReadFrame(bytes.NewReader(whole), 0)
					if err != nil {
						panic(err)
					}
					packets = append(packets, p)
					whole = whole[len(p):]
				}
				if b = b[n:]; len(b) == 0 {
					break
				}
			}
			n, whole, err := f.next(b)
			part = append(part, b[:n]...)
			b = b[n:]
			if err != nil {
				return packets, append(part, append(b, bytes.Join(pieces[i+1:], nil)...)...), true
			}
			if whole {
				packets = append(packets, part)
				part = nil
			}
		}
	}
	return packets, part, false
}

// pieces cuts b at random.
func pieces(r *rand.Rand, b []byte) (all [][]byte) {
	for len(b) > 0 {
		n := min(len(b), 1+r.IntN(1+r.IntN(40)))
		all = append(all, bytes.Clone(b[:n]))
		b = b[n:]
	}
	return all
}

// FuzzFramer compares the framer, which gets a stream in pieces, with a reader that gets it whole.
func FuzzFramer(f *testing.F) {
	f.Add([]byte{0xc0, 0, 0xd0, 0, 0x40, 2, 0, 1}, uint64(1))
	f.Add([]byte{0x30, 0x80, 0x01, 0x30, 0xff, 0xff, 0xff, 0xff, 1, 2}, uint64(2)) // cut, then undecodable
	f.Add([]byte{0x30, 0x81, 0x00, 7, 0xc0, 0x80, 0x80, 0x00, 0xc0}, uint64(3))    // padded lengths
	f.Add([]byte{0x30, 0xff, 0xff, 0xff, 0x7f, 1, 2, 3}, uint64(4))                // over the bound
	f.Add(append(wire.Bytes(wire.Publish{Topic: "a", Payload: make([]byte, 300)}, wire.V5), 0xc0), uint64(5))
	f.Fuzz(func(t *testing.T, b []byte, seed uint64) {
		var want [][]byte
		var wantRest []byte
		var wantBad bool
		for r := bytes.NewReader(b); ; {
			p, err := wire.ReadFrame(r, 0)
			if err == io.EOF {
				break
			}
			h, n, _ := wire.ParseHeader(p)
			if _, bad := err.(*wire.Violation); bad || n > 0 && h.Length > maxPacket {
				wantBad = true
			}
			if err != nil {
				rest, _ := io.ReadAll(r)
				wantRest = append(p, rest...)
				break
			}
			want = append(want, p)
		}
		cut := pieces(rand.New(rand.NewPCG(seed, 0)), b)
		for _, skip := range []bool{false, true} {
			got, rest, bad := split(cut, skip)
			if bad != wantBad || !bytes.Equal(rest, wantRest) || len(got) != len(want) {
				t.Fatalf("skip %v: %d packets, rest % x, undecodable %v; want %d, % x, %v", skip, len(got), rest, bad, len(want), wantRest, wantBad)
			}
			for i := range got {
				if !bytes.Equal(got[i], want[i]) {
					t.Fatalf("packet %d: % x, want % x", i, got[i], want[i])
				}
			}
		}
	})
}

func TestConnectVersion(t *testing.T) {
	for _, tt := range []struct {
		name string
		b    []byte
		want wire.Version
	}{
		{"5.0", wire.Bytes(wire.Connect{ClientID: "c"}, wire.V5), 5},
		{"3.1.1", wire.Bytes(wire.Connect{ClientID: "c"}, wire.V311), 4},
		{"another level", wire.Bytes(wire.Connect{ProtocolVersion: 9}, wire.V5), 9},
		{"MQIsdp", wire.Bytes(wire.Connect{ProtocolName: "MQIsdp", ProtocolVersion: 3}, wire.V311), 3},
		{"padded length", append([]byte{0x10, 0x8c, 0x00}, wire.Bytes(wire.Connect{}, wire.V311)[2:]...), 4},
		{"no CONNECT", wire.Bytes(wire.Publish{Topic: "MQTT\x05"}, wire.V5), 0},
		{"name of 64 bytes", wire.Bytes(wire.Connect{ProtocolName: string(make([]byte, 64))}, wire.V5), 5},
		{"nothing", nil, 0},
		{"a packet that ends before the level", []byte{0x10, 6, 0, 4, 'M', 'Q', 'T', 'T', 5}, 0},
	} {
		if got := connectVersion(tt.b); got != tt.want {
			t.Errorf("%s: got %d, want %d", tt.name, got, tt.want)
		}
		f := &flow{dir: ToServer, c: &connection{}}
		for i := range tt.b { // byte by byte, as whole as it gets
			f.learnVersion(tt.b[i:i+1], i == len(tt.b)-1)
		}
		if got := wire.Version(f.c.version.Load()); got != tt.want {
			t.Errorf("%s, byte by byte: got %d, want %d", tt.name, got, tt.want)
		}
	}
}

func TestStreamRecordsPacketsWhateverThePieces(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var want []byte
	for range 200 {
		want = wire.Publish{Topic: "t", Payload: make([]byte, r.IntN(300))}.Append(want, wire.V5)
	}
	log := &trace.Log{}
	s := &stream{log: log, leg: trace.ClientLeg, dir: ToServer, version: new(atomic.Uint32)}
	for _, b := range pieces(r, append(bytes.Clone(want), 0x30, 5, 1)) {
		s.bytes(b)
	}
	s.end(trace.RST, "")
	s.end(trace.FIN, "again")
	s.bytes([]byte("late"))
	events := log.Events()
	var got []byte
	for _, e := range events[:200] {
		if e.Kind != trace.Packet {
			t.Fatalf("a %s among the packets", e.Kind)
		}
		got = append(got, e.Bytes...)
	}
	if !bytes.Equal(got, want) {
		t.Error("the packets are not what passed")
	}
	last := events[200:]
	if len(last) != 2 || last[0].Kind != trace.Bytes || !bytes.Equal(last[0].Bytes, []byte{0x30, 5, 1}) ||
		last[1].Kind != trace.Close || last[1].How != trace.RST {
		t.Errorf("after the packets: %s", describe(last))
	}
}
