; relay: passes a spike on, one step later
;
; law     fires if q > 0, q = input of the step, wrapped to 22 bits; no state
; source  ours: longer delays than the chip has, and fan-out beyond its lists
; counts  update 6 (4 when idle), on_spike 3

.accumulator 22 wrap

.update
    lda     r1, 0
    cmp.eq  p1, r1, r0
    @p1 br.idle done
    cmp.gt  p2, r1, r0
    @p2 spk
done:
    halt
.end

.on_spike
    ldy     r1, weight
    acc     r1
    halt
.end
