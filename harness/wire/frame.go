package wire

import (
	"errors"
	"io"
)

// Header is a fixed header.
type Header struct {
	First  byte // packet type and flags
	Length int  // the Remaining Length
	Padded bool // the Remaining Length is not in its shortest form
}

// Type returns the packet type.
func (h Header) Type() Type { return TypeOf(h.First) }

// ParseHeader reads a fixed header at the start of b. It returns how many bytes the header takes, or 0 while b does
// not hold all of it. The error is a [*Violation] for a Remaining Length of more than four bytes.
func ParseHeader(b []byte) (h Header, n int, err error) {
	if len(b) == 0 {
		return h, 0, nil
	}
	h.First = b[0]
	for i := 1; i < len(b); i++ {
		if i > 4 || i == 4 && b[i] >= 0x80 {
			return h, 0, &Violation{Fault: FaultLength, Type: h.Type(), Offset: 4, Code: MalformedPacket}
		}
		h.Length |= int(b[i]&0x7F) << (7 * (i - 1))
		if b[i] < 0x80 {
			h.Padded = i > 1 && b[i] == 0
			return h, i + 1, nil
		}
	}
	return h, 0, nil
}

// readChunk is how much memory ReadFrame gives to a packet before its bytes arrive. A Remaining Length is only a
// claim: memory grows with what has been received.
const readChunk = 16 << 10

// ReadFrame reads the bytes of one packet. If limit is above 0, a packet of more than limit bytes in all is refused
// with a [*Violation] (FaultTooLarge, 0x95) before its body is read. The bytes that were read are returned with every
// error. The error is io.EOF only if the stream ended between packets; within one it is io.ErrUnexpectedEOF.
func ReadFrame(r io.Reader, limit int) ([]byte, error) {
	frame := make([]byte, 1, 64)
	if _, err := io.ReadFull(r, frame); err != nil {
		return nil, err
	}
	var h Header
	for n := 0; n == 0; {
		var err error
		if frame, err = readMore(r, frame, 1); err != nil {
			return frame, err
		}
		if h, n, err = ParseHeader(frame); err != nil {
			return frame, err
		}
	}
	total := len(frame) + h.Length
	if limit > 0 && total > limit {
		return frame, &Violation{Fault: FaultTooLarge, Type: h.Type(), Offset: 1, Code: PacketTooLarge}
	}
	for len(frame) < total {
		var err error
		// each step at most doubles what has already been received
		if frame, err = readMore(r, frame, min(total-len(frame), max(readChunk, len(frame)))); err != nil {
			return frame, err
		}
	}
	return frame, nil
}

// readMore appends exactly n bytes from r.
func readMore(r io.Reader, b []byte, n int) ([]byte, error) {
	at := len(b)
	b = append(b, make([]byte, n)...)
	m, err := io.ReadFull(r, b[at:])
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return b[:at+m], err
}
