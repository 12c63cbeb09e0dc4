package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// story is what the entries told so far. It holds them to rules 1, 2 and 9 of docs/audit-log.md: run.opened first, every frame of the manifest
// once and in order, each as frame.ingested, its frame.detected and one outcome, commitments that give the manifest's root, run.closed with
// counts that balance, and nothing behind it but what people decided later.
type story struct {
	begun, closed bool
	count         int64
	manifest      string // its root
	// Frames that were taken up, and the hashes of the tree over their commitments.
	taken       int64
	commitments hashes
	// Whether the last one has no outcome yet.
	open     bool
	outcomes map[string]int64
}

var outcomes = map[string]string{"frame.masked": "published", "frame.withheld": "withheld", "frame.rejected": "rejected"}

var aftermath = map[string]bool{"review.decided": true, "release.approved": true, "raw.deleted": true}

// Entries of a run beside those of its frames' ways.
var others = map[string]bool{"run.resumed": true, "frame.placed": true, "flight.placed": true, "objection.applied": true,
	"heatloss.parameters": true, "buildings.emitted": true, "tile.emitted": true}

// take holds the next line to the rules and returns its type.
func (s *story) take(line []byte) (string, error) {
	entry, err := members(line)
	if err != nil {
		return "", err
	}
	var kind string
	if err := json.Unmarshal(entry["type"], &kind); err != nil {
		return "", errors.New("an entry has no type")
	}
	within := kind == "frame.detected" || outcomes[kind] != ""
	switch {
	case s.begun == (kind == "run.opened"):
		return "", errors.New("run.opened must be the first entry, and no other")
	case s.closed != aftermath[kind]:
		return "", fmt.Errorf("%s stands on the wrong side of run.closed", kind)
	case s.open && !within:
		return "", fmt.Errorf("frame %d has no outcome", s.taken-1)
	case within && !s.open:
		return "", fmt.Errorf("%s stands outside its frame", kind)
	}
	if within || kind == "frame.ingested" {
		frame, err := number(entry["frame"])
		if err != nil {
			return "", err
		}
		if within && frame != s.taken-1 || !within && frame != s.taken {
			return "", fmt.Errorf("frame %d is not in manifest order", frame)
		}
	}
	switch {
	case kind == "run.opened":
		return kind, s.opened(entry["manifest"])
	case kind == "frame.ingested":
		return kind, s.ingested(entry["commitment"])
	case outcomes[kind] != "":
		s.open = false
		s.outcomes[outcomes[kind]]++
	case kind == "run.closed":
		s.closed = true
		return kind, s.balance(entry)
	case kind != "frame.detected" && !others[kind] && !aftermath[kind]:
		return "", fmt.Errorf("no log has entries of the type %s", kind)
	}
	return kind, nil
}

func (s *story) opened(manifest json.RawMessage) error {
	s.begun = true
	s.outcomes = map[string]int64{}
	found, err := members(manifest)
	if err != nil {
		return err
	}
	if s.count, err = number(found["count"]); err != nil {
		return err
	}
	return json.Unmarshal(found["root"], &s.manifest)
}

func (s *story) ingested(commitment json.RawMessage) error {
	var digits string
	if err := json.Unmarshal(commitment, &digits); err != nil {
		return err
	}
	bytes, err := hex.DecodeString(digits)
	if err != nil {
		return err
	}
	added, err := tlog.StoredHashes(s.taken, bytes, s.commitments)
	if err != nil {
		return err
	}
	s.commitments = append(s.commitments, added...)
	s.taken++
	s.open = true
	return nil
}

func (s *story) balance(closed map[string]json.RawMessage) error {
	if s.taken != s.count {
		return fmt.Errorf("the manifest has %d frames, %d have an outcome", s.count, s.taken)
	}
	root, err := tlog.TreeHash(s.taken, s.commitments)
	if err != nil {
		return err
	}
	if s.taken > 0 && hex.EncodeToString(root[:]) != s.manifest {
		return errors.New("the commitments of the frames do not give the manifest's root")
	}
	s.outcomes["total"] = s.taken
	for _, name := range []string{"total", "published", "withheld", "rejected"} {
		if told, err := number(closed[name]); err != nil || told != s.outcomes[name] {
			return fmt.Errorf("run.closed tells of %s %s, the entries of %d", closed[name], name, s.outcomes[name])
		}
	}
	return nil
}

// end is asked behind the last line.
func (s *story) end() error {
	if !s.closed {
		return errors.New("the log has no run.closed: the run is not finished")
	}
	return nil
}

// members reads an object whose members stand there as in canonical JSON: in order, each once, without blanks. Two readers could take
// another one for two things.
func members(object []byte) (map[string]json.RawMessage, error) {
	var found map[string]json.RawMessage
	if err := json.Unmarshal(object, &found); err != nil {
		return nil, err
	}
	var again bytes.Buffer
	encoder := json.NewEncoder(&again)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(found); err != nil {
		return nil, err
	}
	if !bytes.Equal(again.Bytes(), append(append([]byte{}, object...), '\n')) {
		return nil, errors.New("an entry is not in canonical form")
	}
	for name := range found {
		// Go's package takes Frame for frame.
		if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
			return nil, errors.New("an entry has a member that no log has")
		}
	}
	return found, nil
}

func number(text json.RawMessage) (int64, error) {
	return strconv.ParseInt(string(text), 10, 64)
}
