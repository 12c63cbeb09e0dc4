package main

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// signed makes the folder of a log, signed with a key made here, which is returned with it.
func signed(t *testing.T, lines []string) (fstest.MapFS, []byte) {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	secret, key, err := note.GenerateKey(rand.Reader, "test.example/log")
	must(err)
	signer, err := note.NewSigner(secret)
	must(err)
	var stored hashes
	var bundle bytes.Buffer
	for i, line := range lines {
		added, err := tlog.StoredHashes(int64(i), []byte(line), stored)
		must(err)
		stored = append(stored, added...)
		binary.Write(&bundle, binary.BigEndian, uint16(len(line)))
		bundle.WriteString(line)
	}
	size := int64(len(lines))
	root, err := tlog.TreeHash(size, stored)
	must(err)
	text, err := note.Sign(&note.Note{Text: fmt.Sprintf("test.example/log\n%d\n%s\n", size, root)}, signer)
	must(err)
	tile := tlog.Tile{H: 8, W: len(lines)}
	data, err := tlog.ReadTileData(tile, stored)
	must(err)
	run := fstest.MapFS{}
	for name, data := range map[string][]byte{
		"audit/entries.jsonl":     []byte(strings.Join(lines, "\n") + "\n"),
		"audit/checkpoint":        text,
		tilePath(tile, "0"):       data,
		tilePath(tile, "entries"): bundle.Bytes(),
	} {
		run[name] = &fstest.MapFile{Data: data}
	}
	return run, []byte(key)
}

// honest is a run of two frames and a decision after it. The root is that of Python's hashlib over the commitments.
func honest() []string {
	commitment := func(digits string) string { return strings.Repeat(digits, 32) }
	return []string{
		`{"manifest":{"count":2,"root":"8ff4c89323864c9bc1514b76b2a5018eea89435f8a6aff3c285c348b4280de8d"},"type":"run.opened"}`,
		`{"commitment":"` + commitment("07") + `","frame":0,"type":"frame.ingested"}`,
		`{"frame":0,"type":"frame.detected"}`,
		`{"frame":0,"type":"frame.masked"}`,
		`{"commitment":"` + commitment("08") + `","frame":1,"type":"frame.ingested"}`,
		`{"detail":"<a> & \u0001","frame":1,"type":"frame.rejected"}`,
		`{"published":1,"rejected":1,"total":2,"type":"run.closed","withheld":0}`,
		`{"type":"raw.deleted"}`,
	}
}

// TestStories changes what an honest log tells and signs it: none of these runs may verify.
func TestStories(t *testing.T) {
	run, key := signed(t, honest())
	if _, err := verifyFolder(run, key, nil); err != nil {
		t.Fatal(err)
	}
	// Puts lines in the place of those from one to before another.
	put := func(from, to int, lines ...string) []string {
		all := honest()
		return append(append(append([]string{}, all[:from]...), lines...), all[to:]...)
	}
	lines := honest()
	replace := func(at int, old, new string) []string {
		if !strings.Contains(lines[at], old) {
			t.Fatal(old)
		}
		return put(at, at+1, strings.Replace(lines[at], old, new, 1))
	}
	for _, story := range []struct {
		said  string
		lines []string
	}{
		{"frame 0 has no outcome", put(3, 4)},
		{"frame 1 has no outcome", put(5, 6)},
		{"outside its frame", put(3, 3, lines[3])},
		{"outside its frame", put(4, 4, lines[2])},
		{"not in manifest order", put(1, 4)},
		{"not in manifest order", replace(2, `0`, `1`)},
		{"not in manifest order", replace(3, `0`, `1`)},
		{"not in manifest order", put(4, 4, lines[1:4]...)},
		{"manifest has 2 frames, 1", put(4, 6)},
		{"the manifest's root", replace(1, "07", "70")},
		{"tells of 2 published", replace(6, `"published":1`, `"published":2`)},
		{"tells of 3 total", replace(6, `"total":2`, `"total":3`)},
		{"must be the first entry", put(0, 1)},
		{"must be the first entry", put(1, 1, lines[0])},
		{"not finished", put(6, 8)},
		{"wrong side", put(7, 7, lines[6])},
		{"wrong side", put(4, 4, lines[7])},
		{"wrong side", put(8, 8, lines[1:4]...)},
		{"no log has entries", put(4, 4, `{"type":"frame.shown"}`)},
		// What two readers may take for two things.
		{"canonical", replace(3, `{`, `{"frame":1,`)},
		{"canonical", replace(3, `,`, `, `)},
		{"a member that no log has", replace(3, `{`, `{"Type":"x",`)},
		{"invalid syntax", replace(3, `0`, `null`)},
	} {
		run, key := signed(t, story.lines)
		_, err := verifyFolder(run, key, nil)
		if err == nil || !strings.Contains(err.Error(), story.said) {
			t.Errorf("%s: %v", story.said, err)
		}
	}
}
