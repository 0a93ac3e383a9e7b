; hello: two neurons that excite each other, on two tiles of the chip `tiny`.
;
;   host port 0 ──start──▶ ping (core 0, west tile) ◀──▶ pong (core 2, east tile)
;                            └──────── spikes ───────▶ host port 1
;
; Each spike weighs 100 and the threshold is 99, so one spike makes the other neuron fire, one step later:
;
;   step    0      1      2      3      4         input `start` in step 0 only
;   ping   spike   –     spike   –     spike
;   pong    –     spike   –     spike   –
;
; A neuron that is at rest and gets no spike takes the `.idle` branch of its kernel: it is counted as inactive.
; specs/energy.md derives the cycles and joules of these five steps by hand.

.image network=hello chip=tiny
.dt 0.001

.equ WEIGHT = 100
.equ THRESHOLD = 99

.population pair count=2                ; neuron 0 is ping, neuron 1 is pong

.input start shape=[1] port=0
.element -> core 0 axon 0

.output spikes shape=[2] readout=count  ; element 0 is ping, element 1 is pong

.core 0
.group lanes=1
.kernel if                              ; v = v + input; fires above THETA; then v = RESET_V = 0
.const THETA = THRESHOLD
.lane -> core 2 axon 0, host 1 element 0
.axon input 0                           ; axon 0: the start
.sparse = 0:WEIGHT
.axon neuron 1                          ; axon 1: pong
.sparse = 0:WEIGHT

.core 2
.group lanes=1
.kernel if
.const THETA = THRESHOLD
.lane -> core 0 axon 1, host 1 element 1
.axon neuron 0                          ; axon 0: ping
.sparse = 0:WEIGHT
