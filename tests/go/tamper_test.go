package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"unicode"
)

// TestEveryByte changes every byte of a good run that HEATVEIL_RUN names, one at a time, and drops and doubles some: none of these runs may verify.
func TestEveryByte(t *testing.T) {
	dir := os.Getenv("HEATVEIL_RUN")
	if dir == "" {
		t.Fatal("HEATVEIL_RUN must name a good run")
	}
	run := fstest.MapFS{}
	err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		inside, _ := filepath.Rel(dir, name)
		run[inside] = &fstest.MapFile{Data: data}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	key := run["audit/verifier.key"].Data
	if _, err := verifyFolder(run, key, nil); err != nil {
		t.Fatal(err)
	}
	cases := 0
	for name, file := range run {
		watched := strings.HasPrefix(name, "audit/") || strings.HasPrefix(name, "tiles/") || strings.HasPrefix(name, "release/")
		// The key is given, not read; the tiles of narrower trees are not read by anybody.
		if !watched || name == "audit/verifier.key" || name == "audit/checkpoint.next" || !current(run, key, name) {
			continue
		}
		good := file.Data
		for at := range good {
			flipped := append([]byte{}, good...)
			flipped[at] ^= 1
			changes := [][]byte{flipped}
			// A byte more or less shifts all behind it, whichever it is.
			if at%32 == 0 || at+1 == len(good) {
				dropped := append(append([]byte{}, good[:at]...), good[at+1:]...)
				doubled := append(append([]byte{}, good[:at+1]...), good[at:]...)
				changes = append(changes, dropped, doubled)
			}
			for _, bad := range changes {
				run[name] = &fstest.MapFile{Data: bad}
				if _, err := verifyFolder(run, key, nil); err == nil {
					t.Errorf("%s: a change at byte %d is not seen", name, at)
				}
				cases++
			}
		}
		run[name] = &fstest.MapFile{Data: good}
	}
	if cases < 1000 {
		t.Errorf("only %d cases", cases)
	}
	t.Logf("%d cases", cases)
}

// TestNames gives files names that aim at a terminal: what is printed of them is one line, and shows them as they are.
func TestNames(t *testing.T) {
	for _, name := range []string{
		"audit/cosigs/\x1b[2K\rok",
		"audit/cosigs/x\nok 8 entries root 00",
		"audit/cosigs/\u202eko\u2066\u200f",
		"audit/cosigs/\u009b2K\u2028\u0007.vkey",
	} {
		run, key := signed(t, honest())
		run[name] = &fstest.MapFile{Data: []byte("x")}
		_, err := verifyFolder(run, key, nil)
		if err == nil {
			t.Fatalf("%q is not seen", name)
		}
		printed := shown(err.Error())
		if !strings.Contains(err.Error(), "audit/cosigs/") || strings.IndexFunc(printed, func(r rune) bool { return !unicode.IsPrint(r) }) >= 0 {
			t.Errorf("%q", printed)
		}
	}
	if said := shown("a\u00e9\n", "b \x1b"); said != "a\u00e9\\u000a\nb \\u001b" {
		t.Errorf("%q", said)
	}
}

// current tells whether a file of the log is needed at all: a run without it does not verify.
func current(run fstest.MapFS, key []byte, name string) bool {
	if !strings.HasPrefix(name, "audit/tile/") {
		return true
	}
	file := run[name]
	delete(run, name)
	_, err := verifyFolder(run, key, nil)
	run[name] = file
	return err != nil
}
