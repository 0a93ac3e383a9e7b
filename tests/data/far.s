; A neuron at the west end of a row that fires in every tick, and one at the east end that repeats what it hears: 63 hops.
.image network=far chip=truenorth
.dt 0.001
.population neurons count=2
.output out shape=[1] readout=count

.core 0
.group lanes=1
.kernel truenorth
.slot leak = 1
.slot alpha = 1
.lane -> core 63 axon 0

.core 63
.format bits crossbar slot=1
.group lanes=1
.kernel truenorth
.slot s0 = 1
.slot alpha = 1
.lane -> host 0 element 0
.axon neuron 0 kind=0
.crossbar = 0
