; li: leaky integrator, without spikes
;
; law     v = sat24((v * DECAY >> 12, toward zero) + q + bias), q = input of the step, wrapped to 22 bits
; source  NIR 1.0 `LI`, one Euler step (or exact decay: the DECAY differs); widths and rounding of Loihi 1 (Davies 2018)
; counts  update 9 (6 when idle), on_spike 3

.option BIAS     = 0 0..=1              ; 1: slot `bias` is added in every step
.option IDLE     = 1 0..=1              ; 1: a lane at rest without input branches over its update

.accumulator 22 wrap
.const DECAY = q12(0.9)
.slot v 24
.if BIAS
.slot bias 24
.endif

.update
    .reg v = r1
    .reg q = r2
    .reg bias = r3
    .reg any = r6
    lds     v, v
    lda     q, 0
.if BIAS
    lds     bias, bias
.endif
.if IDLE
    or      any, q, v
.if BIAS
    or      any, any, bias
.endif
    cmp.eq  p1, any, r0
    @p1 br.idle done
.endif
    mulq.rz v, v, DECAY, 12
.if BIAS
    add     q, q, bias
.endif
    add.s24 v, v, q
    sts     v, v
done:
    halt
.end

.on_spike
    ldy     r1, weight
    acc     r1
    halt
.end
