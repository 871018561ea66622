package memnet

import (
	"fmt"
	"io"
	"testing"
)

func BenchmarkStream(b *testing.B) {
	for _, size := range []int{64, 4 << 10, 64 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			c, peer := Pipe(0)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			go func() {
				defer c.Close()
				p := make([]byte, size)
				for range b.N {
					c.Write(p)
				}
			}()
			if _, err := io.Copy(io.Discard, struct{ io.Reader }{peer}); err != nil {
				b.Fatal(err)
			}
		})
	}
}
