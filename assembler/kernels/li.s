; li: leaky integrator, without spikes
;
; law     v = sat24((v * DECAY >> 12, by ROUND) + i + bias)
; input   q = input of the step, wrapped to 22 bits; SYN 0: i = q; SYN 1: u' = sat24((u * FADE >> 16, toward zero) + q), i = u';
;         SYN 2: h' as u' of SYN 1, u' = sat24((u * FADE >> 16, toward zero) + h'), i = u'
; synapse GRADED: adds sat32(weight * payload >> SHIFT, floor); SHIFT has no effect without it
; source  NIR 1.0 `LI`, one Euler step (or exact decay: the DECAY differs); widths and rounding of Loihi 1 (Davies 2018)
; counts  update 9 (6 when idle), on_spike 3
; cycles  update 24 … 39, on_spike 35: least and most over the paths, defaults, preset `programmable` (100 ps each)

.option BIAS     = 0 0..=1              ; 1: slot `bias` is added in every step
.option IDLE     = 1 0..=1              ; 1: a lane at rest without input branches over its update
.option SYN      = 0 0..=2              ; synapse: 0 delta, 1 exponential, 2 alpha
.option ROUND    = 0 0..=2              ; decays are rounded toward zero, 1: down, 2: to nearest
.option GRADED   = 0 0..=1              ; 1: weights are multiplied by the payload of the spike
.option SHIFT    = 0 0..=31             ; and shifted right by this

.accumulator 22 wrap
.const DECAY = q12(0.9)
.if SYN
.const FADE = q16(0.8)
.endif
.slot v 24
.if BIAS
.slot bias 24
.endif
.if SYN
.slot u 24
.endif
.if SYN == 2
.slot h 24
.endif

.update
    .reg v = r1
    .reg q = r2
    .reg bias = r3
    .reg any = r6
    .reg u = r8
    .reg h = r9
    lds     v, v
    lda     q, 0
.if BIAS
    lds     bias, bias
.endif
.if SYN
    lds     u, u
.endif
.if SYN == 2
    lds     h, h
.endif
.if IDLE
    or      any, q, v
.if BIAS
    or      any, any, bias
.endif
.if SYN
    or      any, any, u
.endif
.if SYN == 2
    or      any, any, h
.endif
    cmp.eq  p1, any, r0
    @p1 br.idle done
.endif
.if SYN
    mulq.rz u, u, FADE, 16
.endif
.if SYN == 2
    mulq.rz h, h, FADE, 16
    add.s24 h, h, q
    add.s24 u, u, h
    sts     h, h
.endif
.if SYN == 1
    add.s24 u, u, q
.endif
.if SYN
    sts     u, u
    add     q, u, r0
.endif
.if ROUND == 0
    mulq.rz v, v, DECAY, 12
.endif
.if ROUND == 1
    mulq    v, v, DECAY, 12
.endif
.if ROUND == 2
    mulq.rn v, v, DECAY, 12
.endif
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
.if GRADED
    mfs     r2, payload
    mulq.s32 r1, r1, r2, SHIFT
.endif
    acc     r1
    halt
.end
