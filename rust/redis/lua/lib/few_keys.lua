-- The keys of a script that takes only those that it touches, for keys cost: see SCRIPT in src/operations/store.rs.
local JOB, STAT, LIST, CHUNKS, CTL, TAIL = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local CHANNELS, READY = KEYS[7], KEYS[8]
