package reports

import (
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/mqttspec/mqttspec/harness/trace"
	"github.com/mqttspec/mqttspec/harness/wire"
)

func TestRowsComeBackAsTheyWereWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "rows.jsonl")
	w, err := OpenRows(path)
	if err != nil {
		t.Fatal(err)
	}
	row := end("A", Fail, Requirement{ID: dup, Verdict: Fail, Observed: "a\nb\u2028c"})
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if err := w.Write(row); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	rows, err := ReadRows(path)
	if err != nil || len(rows) != 50 {
		t.Fatalf("%d rows, error %v", len(rows), err)
	}
	for _, got := range rows {
		if !reflect.DeepEqual(got, row) {
			t.Fatalf("got  %+v\nwant %+v", got, row)
		}
	}
}

func TestReadRowsForgivesACutLastLineOnly(t *testing.T) {
	for name, test := range map[string]struct {
		content string
		rows    int
		fails   bool
	}{
		"whole":                    {`{"event":"begin","id":"A"}` + "\n", 1, false},
		"last line cut":            {`{"event":"begin","id":"A"}` + "\n" + `{"event":"en`, 1, false},
		"last line without an end": {`{"event":"begin","id":"A"}` + "\n" + `{"event":"end","id":"A"}`, 2, false},
		"line in the middle cut":   {`{"event":"beg` + "\n" + `{"event":"end","id":"A"}` + "\n", 0, true},
		"empty":                    {"", 0, false},
	} {
		path := filepath.Join(t.TempDir(), "rows.jsonl")
		if err := os.WriteFile(path, []byte(test.content), 0o644); err != nil {
			t.Fatal(err)
		}
		rows, err := ReadRows(path)
		if len(rows) != test.rows || (err != nil) != test.fails {
			t.Errorf("%s: %d rows and error %v, want %d rows", name, len(rows), err, test.rows)
		}
		if test.fails && !strings.Contains(err.Error(), "rows.jsonl:1:") {
			t.Errorf("%s: the error does not name the line: %v", name, err)
		}
	}
}

func TestAFullDiskIsReported(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full")
	}
	w, err := OpenRows("/dev/full")
	if err != nil {
		t.Fatal(err)
	}
	first := w.Write(end("A", Pass))
	if !errors.Is(first, syscall.ENOSPC) {
		t.Errorf("write returned %v", first)
	}
	if again := w.Write(end("B", Pass)); again != first {
		t.Errorf("the second write returned %v, not the first error", again)
	}
	if err := w.Close(); err != first {
		t.Errorf("close returned %v, not the first error", err)
	}
}

func TestPasswordsDoNotReachARow(t *testing.T) {
	name := "reader"
	for what, p := range map[string]wire.Packet{
		"password": wire.Connect{ClientID: "c", Username: &name, Password: []byte("hunter2")},
		"authentication data in CONNECT": wire.Connect{ClientID: "c", Properties: wire.Properties{
			wire.AuthenticationMethod("m"), wire.AuthenticationData("hunter2"), wire.SessionExpiryInterval(7)}},
		"authentication data in AUTH": wire.Auth{ReasonCode: 0x18, Properties: wire.Properties{wire.AuthenticationMethod("m"), wire.AuthenticationData("hunter2")}},
	} {
		before := []TraceEvent{{Kind: trace.Packet, Dir: ">", Conn: "c", Hex: hex.EncodeToString(wire.Bytes(p, wire.V5))}}
		path := filepath.Join(t.TempDir(), "rows.jsonl")
		w, err := OpenRows(path)
		if err != nil {
			t.Fatal(err)
		}
		row := end("A", Fail)
		row.Trace = before
		if err := errors.Join(w.Write(row), w.Close()); err != nil {
			t.Fatal(err)
		}
		rows, err := ReadRows(path)
		if err != nil {
			t.Fatal(err)
		}
		frame, err := hex.DecodeString(rows[0].Trace[0].Hex)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(frame), "hunter2") || !strings.Contains(string(frame), "*******") {
			t.Errorf("%s: the row holds %q", what, frame)
		}
		if _, err := (wire.Decoder{Version: wire.V5, Sender: wire.FromClient}).Decode(frame); err != nil {
			t.Errorf("%s: what is left is no packet: %v", what, err)
		}
		if !strings.Contains(before[0].Hex, hex.EncodeToString([]byte("hunter2"))) {
			t.Errorf("%s: the caller's own trace was changed", what)
		}
	}
}
