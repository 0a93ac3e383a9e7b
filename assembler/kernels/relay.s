; relay: passes a spike on, one step later
;
; law     fires if q > 0, q = input of the step, wrapped to 22 bits; no state
;         GRADED: fires if q is not 0 and sends q as payload, q = input of the step, saturated to 32 bits
; synapse GRADED: adds sat32(weight * payload >> SHIFT, floor); SHIFT has no effect without it
; source  ours: longer delays than the chip has, fan-out beyond its lists, and partial sums of a fan-in beyond its axons
; counts  update 6 (4 when idle), on_spike 3
; cycles  update 15 … 30, on_spike 35: least and most over the paths, defaults, preset `programmable` (100 ps each)

.option GRADED   = 0 0..=1              ; 1: payloads are passed on
.option SHIFT    = 0 0..=31             ; and shifted right by this

.if GRADED
.accumulator 32 saturate
.else
.accumulator 22 wrap
.endif

.update
    lda     r1, 0
    cmp.eq  p1, r1, r0
    @p1 br.idle done
.if GRADED
    cmp.ne  p2, r1, r0
    @p2 spkg r1
.else
    cmp.gt  p2, r1, r0
    @p2 spk
.endif
done:
    halt
.end

.on_spike
    ldy     r1, weight
.if GRADED
    mfs     r2, payload
    mulq.s32 r1, r1, r2, SHIFT
.endif
    acc     r1
    halt
.end
