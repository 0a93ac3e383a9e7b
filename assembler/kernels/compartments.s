; compartments: a dendrite that joins a soma, which fires
;
; law     d' = sat24((d * DECAY_D >> 12, toward zero) + q1), q0 and q1 = inputs of the step to soma and dendrite, wrapped to 22 bits
;         i = q0 + bias
;         JOIN 0 (add): j = i + d'; JOIN 1 (max): the larger of i and d'; JOIN 2 (min): the smaller;
;         JOIN 3 (pass): i if d' > GATE, else 0; JOIN 4 (block): 0 if d' > GATE, else i
;         v' = sat24((v * DECAY >> 12, toward zero) + j)
; fire    v' > THETA, or v' >= THETA with GE
; reset   v = RESET_V (RESET 0), v = sat24(v' - THETA) (RESET 1), v stays (RESET 2); with CLEAR a spike sets d to 0 too
; REFRACT while refractory > 0: it counts down, v stays and nothing fires, d goes on; a spike sets it to REFRACTORY
; synapse receptor 0 is the soma, 1 the dendrite: an axon of kind 0 reaches the soma, one of another kind the dendrite
;         GRADED: adds sat32(weight * payload >> SHIFT, floor); SHIFT has no effect without it
; IDLE    not allowed by the loader where a lane at rest would fire: THETA < 0, THETA = 0 with GE
; WAIT    while wait > 0: it counts down and nothing else happens; input of these steps is lost
; source  joins of dendritic compartments of Loihi 1 (Davies 2018); widths as in `lif`
; counts  update 20 (10 when idle), on_spike 6
; cycles  update 42 … 93, on_spike 70: least and most over the paths, defaults, preset `programmable` (100 ps each)

.option JOIN     = 0 0..=4              ; 0 add, 1 max, 2 min, 3 pass, 4 block
.option RESET    = 0 0..=2              ; 0 to RESET_V, 1 minus THETA, 2 none
.option CLEAR    = 0 0..=1              ; 1: a spike sets the dendrite to 0
.option GE       = 0 0..=1              ; 1: fires at v >= threshold, 0: at v > threshold
.option BIAS     = 0 0..=1              ; 1: slot `bias` is added to the soma's input in every step
.option REFRACT  = 0 0..=1              ; 1: slot `refractory` counts silent steps down from REFRACTORY
.option WAIT     = 0 0..=1              ; 1: slot `wait` counts down the steps before the first that runs
.option GRADED   = 0 0..=1              ; 1: weights are multiplied by the payload of the spike
.option SHIFT    = 0 0..=31             ; and shifted right by this
.option IDLE     = 1 0..=1              ; 1: a lane at rest without input branches over its update

.receptors 2 = soma dendrite
.accumulator 22 wrap
.const DECAY = q12(0.9)
.const DECAY_D = q12(0.95)
.const THETA = 6400
.if RESET == 0
.const RESET_V = 0
.endif
.if JOIN >= 3
.const GATE = 0
.endif
.if REFRACT
.const REFRACTORY = 1
.endif
.slot v 24
.slot d 24
.if BIAS
.slot bias 24
.endif
.if REFRACT
.slot refractory 8
.endif
.if WAIT
.slot wait 16
.endif

.update
    .reg v = r1
    .reg d = r2
    .reg i = r3
    .reg e = r4
    .reg bias = r5
    .reg silent = r6
    .reg any = r7
    .reg wait = r8
    .reg fired = p1
    .reg frozen = p2
    .reg open = p3
    lds     v, v
    lds     d, d
    lda     i, soma
    lda     e, dendrite
.if BIAS
    lds     bias, bias
.endif
.if REFRACT
    lds     silent, refractory
.endif
.if WAIT
    lds     wait, wait
.endif
.if IDLE
    or      any, i, e
    or      any, any, v
    or      any, any, d
.if BIAS
    or      any, any, bias
.endif
.if REFRACT
    or      any, any, silent
.endif
.if WAIT
    or      any, any, wait
.endif
    cmp.eq  p1, any, r0
    @p1 br.idle done
.endif
.if WAIT
    cmp.gt  fired, wait, r0
    @fired addi wait, wait, -1
    @fired sts wait, wait
    @fired br done
.endif
    mulq.rz d, d, DECAY_D, 12
    add.s24 d, d, e
    sts     d, d
.if REFRACT
    cmp.gt  frozen, silent, r0
    @frozen addi silent, silent, -1
    @frozen sts silent, refractory
    @frozen br done
.endif
.if BIAS
    add     i, i, bias
.endif
.if JOIN == 0
    add     i, i, d
.endif
.if JOIN == 1
    max     i, i, d
.endif
.if JOIN == 2
    min     i, i, d
.endif
.if JOIN == 3
    cmp.gt  open, d, GATE
    @open sel i, i, r0
.endif
.if JOIN == 4
    cmp.gt  open, d, GATE
    @open li i, 0
.endif
    mulq.rz v, v, DECAY, 12
    add.s24 v, v, i
.if GE
    cmp.ge  fired, v, THETA
.else
    cmp.gt  fired, v, THETA
.endif
.if RESET == 0
    @fired add v, r0, RESET_V
.endif
.if RESET == 1
    @fired sub.s24 v, v, THETA
.endif
.if CLEAR
    @fired sts r0, d
.endif
.if REFRACT
    @fired add silent, r0, REFRACTORY
    @fired sts silent, refractory
.endif
    @fired spk
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
    ldy     r3, kind
    cmp.ne  p1, r3, r0
    @!p1 acc r1, soma
    @p1 acc r1, dendrite
    halt
.end
