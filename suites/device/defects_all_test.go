package device_test

import "slices"

// defects are what the matrix tries.
func defects() []defect {
	return slices.Concat(protocolDefects, connectDefects, packetDefects, wordyDefects(), sessionDefects, authDefects)
}
