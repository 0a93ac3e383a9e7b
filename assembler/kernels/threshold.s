; threshold: fires on its input alone
;
; law     fires if i + bias > THETA (GE: >=), i = input of the step; no membrane, no reset
;         with NOISE the threshold of a step is THETA + (random & NOISE_MASK)
; input   q = input of the step, wrapped to 22 bits; SYN 0: i = q; SYN 1: u' = sat24((u * FADE >> 16, toward zero) + q), i = u';
;         SYN 2: h' as u' of SYN 1, u' = sat24((u * FADE >> 16, toward zero) + h'), i = u'
; REFRACT while refractory > 0: it counts down and nothing fires; a spike sets it to REFRACTORY
;         the current of SYN goes on
; IDLE    not allowed by the loader where a lane at rest would fire or draw: THETA < 0, THETA = 0 with GE, NOISE
; synapse GRADED: adds sat32(weight * payload >> SHIFT, floor); SHIFT has no effect without it
; source  NIR 1.0 `Threshold`
; counts  update 7 (5 when idle), on_spike 3
; cycles  update 18 … 33, on_spike 35: least and most over the paths, defaults, preset `programmable` (100 ps each)

.option GE       = 0 0..=1              ; 1: fires at q >= threshold, 0: at q > threshold
.option BIAS     = 0 0..=1              ; 1: slot `bias` is added in every step
.option REFRACT  = 0 0..=1              ; 1: slot `refractory` counts silent steps down from REFRACTORY
.option NOISE    = 0 0..=1              ; 1: threshold of a step = THETA + (random & NOISE_MASK)
.option IDLE     = 1 0..=1              ; 1: a lane without input branches over its update
.option SYN      = 0 0..=2              ; synapse: 0 delta, 1 exponential, 2 alpha
.option GRADED   = 0 0..=1              ; 1: weights are multiplied by the payload of the spike
.option SHIFT    = 0 0..=31             ; and shifted right by this

.accumulator 22 wrap
.const THETA = 0
.if REFRACT
.const REFRACTORY = 1
.endif
.if NOISE
.const NOISE_MASK = 0
.endif
.if SYN
.const FADE = q16(0.8)
.endif
.if BIAS
.slot bias 24
.endif
.if REFRACT
.slot refractory 8
.endif
.if SYN
.slot u 24
.endif
.if SYN == 2
.slot h 24
.endif

.update
    .reg q = r2
    .reg bias = r3
    .reg silent = r4
    .reg any = r6
    .reg theta = r7
    .reg fired = p1
    .reg frozen = p2
    .reg u = r8
    .reg h = r9
    lda     q, 0
.if BIAS
    lds     bias, bias
.endif
.if REFRACT
    lds     silent, refractory
.endif
.if SYN
    lds     u, u
.endif
.if SYN == 2
    lds     h, h
.endif
.if IDLE
    or      any, q, r0
.if BIAS
    or      any, any, bias
.endif
.if REFRACT
    or      any, any, silent
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
.if REFRACT
    cmp.gt  frozen, silent, r0
    @frozen addi silent, silent, -1
    @frozen sts silent, refractory
    @frozen br done
.endif
.if BIAS
    add     q, q, bias
.endif
.if NOISE
    rng     theta, 0
    and     theta, theta, NOISE_MASK
    add     theta, theta, THETA
.if GE
    cmp.ge  fired, q, theta
.else
    cmp.gt  fired, q, theta
.endif
.else
.if GE
    cmp.ge  fired, q, THETA
.else
    cmp.gt  fired, q, THETA
.endif
.endif
.if REFRACT
    @fired add silent, r0, REFRACTORY
    @fired sts silent, refractory
.endif
    @fired spk
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
