// Verifies a heatveil log with the Go project's own packages and none of heatveil's code.
//
//	verify DIR VERIFIER-KEY-FILE [OLDER-CHECKPOINT]
//
// It checks the checkpoint's signature, recomputes the Merkle root from audit/entries.jsonl, compares every
// hash tile and entry bundle, and, where an older checkpoint is given, that it is a beginning of this log.
// It cannot see what tiles show, or whether the detector was right.
package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type head struct {
	size int64
	root tlog.Hash
}

// open checks the signature of a checkpoint (C2SP tlog-checkpoint) and reads its tree head.
func open(path string, verifier note.Verifier) (head, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return head{}, err
	}
	signed, err := note.Open(text, note.VerifierList(verifier))
	if err != nil {
		return head{}, fmt.Errorf("%s: %w", path, err)
	}
	lines := strings.Split(signed.Text, "\n")
	if len(lines) < 4 || lines[0] != verifier.Name() {
		return head{}, fmt.Errorf("%s: not a checkpoint of %s", path, verifier.Name())
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return head{}, err
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return head{}, fmt.Errorf("%s: the root is not a hash", path)
	}
	return head{size, tlog.Hash(*(*[tlog.HashSize]byte)(root))}, nil
}

type hashes []tlog.Hash

func (h hashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	read := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		if index >= int64(len(h)) {
			return nil, errors.New("the log is too short")
		}
		read[i] = h[index]
	}
	return read, nil
}

// tilePath turns Go's older path into that of C2SP tlog-tiles.
func tilePath(dir string, tile tlog.Tile, level string) string {
	parts := strings.SplitN(tile.Path(), "/", 4)
	return filepath.Join(dir, "audit", "tile", level, filepath.FromSlash(parts[3]))
}

func check(path string, expected []byte) error {
	found, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if !bytes.Equal(found, expected) {
		return fmt.Errorf("%s does not belong to the log", path)
	}
	return nil
}

func run(args []string) error {
	if len(args) < 2 {
		return errors.New("usage: verify DIR VERIFIER-KEY-FILE [OLDER-CHECKPOINT]")
	}
	dir := args[0]
	key, err := os.ReadFile(args[1])
	if err != nil {
		return err
	}
	verifier, err := note.NewVerifier(strings.TrimSpace(string(key)))
	if err != nil {
		return err
	}
	signed, err := open(filepath.Join(dir, "audit", "checkpoint"), verifier)
	if err != nil {
		return err
	}
	file, err := os.Open(filepath.Join(dir, "audit", "entries.jsonl"))
	if err != nil {
		return err
	}
	defer file.Close()
	var stored hashes
	var lines [][]byte
	reader := bufio.NewReader(file)
	for {
		line, err := reader.ReadBytes('\n')
		if err != nil {
			if len(line) > 0 {
				return errors.New("the last line is torn")
			}
			break
		}
		line = line[:len(line)-1]
		added, err := tlog.StoredHashes(int64(len(lines)), line, stored)
		if err != nil {
			return err
		}
		// Leaf hashes once more by hand: SHA-256(0x00 || line).
		if leaf := sha256.Sum256(append([]byte{0}, line...)); tlog.Hash(leaf) != added[0] {
			return errors.New("leaf hashes are not SHA-256(0x00 || line)")
		}
		stored = append(stored, added...)
		lines = append(lines, line)
	}
	size := int64(len(lines))
	if size != signed.size {
		return fmt.Errorf("the checkpoint covers %d entries, the log has %d", signed.size, size)
	}
	root, err := tlog.TreeHash(size, stored)
	if err != nil {
		return err
	}
	if root != signed.root {
		return errors.New("the entries do not give the checkpoint's root")
	}
	tiles := tlog.NewTiles(8, 0, size)
	for i, tile := range tiles {
		// Older versions list every width of a partial tile; the files hold the last.
		if i+1 < len(tiles) && tiles[i+1].L == tile.L && tiles[i+1].N == tile.N {
			continue
		}
		data, err := tlog.ReadTileData(tile, stored)
		if err != nil {
			return err
		}
		if err := check(tilePath(dir, tile, strconv.Itoa(tile.L)), data); err != nil {
			return err
		}
		if tile.L == 0 {
			var bundle bytes.Buffer
			first := tile.N << 8
			for _, line := range lines[first : first+int64(tile.W)] {
				binary.Write(&bundle, binary.BigEndian, uint16(len(line)))
				bundle.Write(line)
			}
			if err := check(tilePath(dir, tile, "entries"), bundle.Bytes()); err != nil {
				return err
			}
		}
	}
	if len(args) > 2 {
		older, err := open(args[2], verifier)
		if err != nil {
			return err
		}
		proof, err := tlog.ProveTree(size, older.size, stored)
		if err != nil {
			return err
		}
		if err := tlog.CheckTree(proof, size, root, older.size, older.root); err != nil {
			return fmt.Errorf("%s is not a beginning of this log: %w", args[2], err)
		}
	}
	fmt.Printf("ok %d entries root %x\n", size, root[:])
	return nil
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "NOT VERIFIED:", err)
		os.Exit(1)
	}
}
