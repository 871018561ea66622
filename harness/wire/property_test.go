package wire

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"runtime"
	"slices"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

// TestRoundTripRandom writes random legal packets and reads them back, through ReadFrame in pieces of one byte.
func TestRoundTripRandom(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := genSent().Draw(t, "packet")
		written := append(Bytes(s.p, s.d.Version), 0xC0, 0)
		r := iotest.OneByteReader(bytes.NewReader(written))
		frame, err := ReadFrame(r, 0)
		if err != nil || !bytes.Equal(frame, written[:len(written)-2]) {
			t.Fatalf("ReadFrame: % X, %v", frame, err)
		}
		if next, err := ReadFrame(r, 0); err != nil || !bytes.Equal(next, []byte{0xC0, 0}) {
			t.Fatalf("ReadFrame of what follows: % X, %v", next, err)
		}
		got, err := s.d.Decode(frame)
		if err != nil {
			t.Fatalf("%v\n% X", err, frame)
		}
		if !reflect.DeepEqual(got, s.p) {
			t.Fatalf("%v %v\n got %#v\nwant %#v", s.d.Version, s.d.Sender, got, s.p)
		}
		clear(frame) // the packet must not share its memory
		if !reflect.DeepEqual(got, s.p) {
			t.Fatalf("%v changes with the bytes it was read from", got.Type())
		}
		checkDissection(t, written, s.d) // two bytes too many
		checkDissection(t, written[:rapid.IntRange(0, len(written)-2).Draw(t, "cut")], s.d)
	})
}

// TestAppendKeepsPrefix writes after other bytes, with and without room for more.
func TestAppendKeepsPrefix(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := genSent().Draw(t, "packet")
		alone := Bytes(s.p, s.d.Version)
		for _, room := range []int{0, 1, 100_000} {
			got := s.p.Append(append(make([]byte, 0, 3+room), 1, 2, 3), s.d.Version)
			if !bytes.Equal(got, slices.Concat([]byte{1, 2, 3}, alone)) {
				t.Fatalf("after other bytes: % X\nalone: % X", got, alone)
			}
		}
	})
}

// checkDissection fails unless the fields cover all bytes in order.
func checkDissection(t interface{ Fatalf(string, ...any) }, frame []byte, d Decoder) {
	at := 0
	for _, f := range Dissect(frame, d.Version, d.Sender) {
		if f.Offset != at || f.Length <= 0 || f.Name == "" {
			t.Fatalf("dissection of % X: field %+v at %d", frame, f, at)
		}
		at += f.Length
	}
	if at != len(frame) {
		t.Fatalf("dissection of % X ends at %d", frame, at)
	}
}

// allocated returns how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestDecodeMemory decodes large packets whose parts take few bytes each: what stands in memory is a small multiple.
func TestDecodeMemory(t *testing.T) {
	const size = 1 << 20
	list := func(first byte, before, entry string) []byte {
		n := size / len(mustParse(t, entry))
		return Frame(nil, first, append(mustParse(t, before), bytes.Repeat(mustParse(t, entry), n)...))
	}
	propertyList := func(entry string) []byte {
		props := bytes.Repeat(mustParse(t, entry), size/len(mustParse(t, entry)))
		body := append(AppendVarint(mustParse(t, `0001"t"`), uint32(len(props))), props...)
		return Frame(nil, 0x30, body)
	}
	for name, frame := range map[string][]byte{
		"Subscription Identifiers": propertyList("0B 01"),
		"repeated flags":           propertyList("01 01"),
		"User Properties":          propertyList("26 0000 0000"),
		"ill-formed text":          propertyList("03 0001 FF"),
		"Topic Filters":            list(0x82, "0001 00", `0001"a" 00`),
		"empty Topic Filters":      list(0xA2, "0001 00", "0000"),
		"codes":                    list(0x90, "0001 00", "FF"),
		"payload":                  list(0x30, `0001"t" 00`, "FF"),
	} {
		d := Decoder{Version: V5, Sender: FromServer}
		if got := allocated(func() { _, _ = d.Decode(frame) }); got > 120*size {
			t.Errorf("%s: a packet of 1 MiB makes Decode allocate %d MiB in all", name, got>>20)
		}
	}
}

// endless gives zeros for ever and counts them.
type endless struct{ n int }

func (e *endless) Read(p []byte) (int, error) {
	clear(p)
	e.n += len(p)
	return len(p), nil
}

func TestReadFrame(t *testing.T) {
	huge := []byte{0x30, 0xFF, 0xFF, 0xFF, 0x7F, 1, 2, 3}
	broken := errors.New("broken")
	for _, tt := range []struct {
		name  string
		in    io.Reader
		limit int
		want  []byte
		err   error
		fault Fault
	}{
		{"nothing", bytes.NewReader(nil), 0, nil, io.EOF, ""},
		{"first byte only", bytes.NewReader([]byte{0xC0}), 0, []byte{0xC0}, io.ErrUnexpectedEOF, ""},
		{"length that does not end", bytes.NewReader([]byte{0xC0, 0x80}), 0, []byte{0xC0, 0x80}, io.ErrUnexpectedEOF, ""},
		{"content cut", bytes.NewReader([]byte{0x40, 2, 0}), 0, []byte{0x40, 2, 0}, io.ErrUnexpectedEOF, ""},
		{"content absent", bytes.NewReader([]byte{0x40, 2}), 0, []byte{0x40, 2}, io.ErrUnexpectedEOF, ""},
		{"largest claim", bytes.NewReader(huge), 0, huge, io.ErrUnexpectedEOF, ""},
		{"whole", bytes.NewReader([]byte{0x40, 2, 0, 1, 9}), 0, []byte{0x40, 2, 0, 1}, nil, ""},
		{"whole with the end of the stream", iotest.DataErrReader(bytes.NewReader([]byte{0x40, 2, 0, 1})), 0, []byte{0x40, 2, 0, 1}, nil, ""},
		{"padded length", bytes.NewReader([]byte{0xC0, 0x80, 0x80, 0x80, 0}), 0, []byte{0xC0, 0x80, 0x80, 0x80, 0}, nil, ""},
		{"length of five bytes", bytes.NewReader([]byte{0xC0, 0x80, 0x80, 0x80, 0x80, 1}), 0, []byte{0xC0, 0x80, 0x80, 0x80, 0x80}, nil, FaultLength},
		{"as large as the limit", bytes.NewReader([]byte{0x40, 2, 0, 1}), 4, []byte{0x40, 2, 0, 1}, nil, ""},
		{"above the limit", bytes.NewReader([]byte{0x40, 2, 0, 1}), 3, []byte{0x40, 2}, nil, FaultTooLarge},
		{"error at first", iotest.ErrReader(broken), 0, nil, broken, ""},
		{"error amid", io.MultiReader(bytes.NewReader([]byte{0x40, 2, 0}), iotest.ErrReader(broken)), 0, []byte{0x40, 2, 0}, broken, ""},
	} {
		got, err := ReadFrame(tt.in, tt.limit)
		if !bytes.Equal(got, tt.want) {
			t.Errorf("%s: got % X", tt.name, got)
		}
		if tt.fault == "" && err != tt.err || tt.fault != "" && faultOf(err) != tt.fault {
			t.Errorf("%s: error %v", tt.name, err)
		}
	}
}

// TestReadFrameMemory claims the largest packet and sends little of it.
func TestReadFrameMemory(t *testing.T) {
	in := bytes.NewReader([]byte{0x30, 0xFF, 0xFF, 0xFF, 0x7F, 1, 2, 3})
	var err error
	if got := allocated(func() { _, err = ReadFrame(in, 0) }); got >= 64<<10 {
		t.Errorf("a claim of 268,435,455 bytes makes ReadFrame allocate %d bytes", got)
	}
	if err != io.ErrUnexpectedEOF {
		t.Error(err)
	}
	sent := io.MultiReader(bytes.NewReader([]byte{0x30, 0xFF, 0xFF, 0xFF, 0x7F}), io.LimitReader(&endless{}, 1<<20))
	if got := allocated(func() { _, err = ReadFrame(sent, 0) }); got >= 8<<20 {
		t.Errorf("1 MiB of a larger packet makes ReadFrame allocate %d bytes", got)
	}
	// a refused packet is not read
	rest := &endless{}
	if _, err := ReadFrame(io.MultiReader(bytes.NewReader([]byte{0x30, 0xFF, 0xFF, 0xFF, 0x7F}), rest), 1<<20); faultOf(err) != FaultTooLarge {
		t.Error(err)
	}
	if rest.n != 0 {
		t.Errorf("%d bytes of a packet above the limit were read", rest.n)
	}
}
