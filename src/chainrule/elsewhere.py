"""What other libraries call a thing, and where it is here: for errors that say so.

One table of words that mean the same, names of functions and of arguments alike. It is read where a name is not known.
"""

from collections.abc import Iterable
from typing import Any

# Words of one meaning, those of chainrule among them, without "_", "-" and capitals; and who has it, as a sentence.
_MEANINGS: tuple[tuple[str, str], ...] = (
    # activations
    ("identity linear none passthrough", ""),
    ("sigmoid logistic logsig expit", ""),
    ("tanh hyperbolictangent tansig", ""),
    ("relu rectifier rectifiedlinear", ""),
    ("leakyrelu lrelu prelu", ""),
    ("silu swish", ""),
    ("exp exponential", ""),
    ("softmax logsoftmax", ""),
    # losses
    ("halfsquarederror squarederror mse mseloss meansquarederror l2loss squaredloss quadratic", ""),
    ("absolute absoluteerror mae l1 l1loss meanabsoluteerror", ""),
    ("huber huberloss smoothl1 smoothl1loss", ""),
    ("binarycrossentropy bce bceloss bcewithlogits bcewithlogitsloss logloss logistic sigmoidcrossentropy", ""),
    ("crossentropy crossentropyloss ce categoricalcrossentropy sparsecategoricalcrossentropy nll nllloss", ""),
    ("poisson poissonnll poissonnllloss", ""),
    # initial weights
    ("he henormal kaiming kaimingnormal heuniform kaiminguniform", ""),
    ("glorot glorotnormal xaviernormal", ""),
    ("glorotuniform xavieruniform", ""),
    ("lecun lecunnormal", ""),
    ("small normal random randomnormal", ""),
    ("zeros zero", ""),
    # optimizers
    ("gradientdescent sgd gd vanilla batchgradientdescent", ""),
    ("heavyball sgdmomentum", ""),
    ("nesterov nag nesterovmomentum", ""),
    ("rmsprop rms", ""),
    ("lbfgs bfgs", ""),
    # precisions
    ("bf16 bfloat16", ""),
    ("float32 fp32 f32", ""),
    ("float64 fp64 f64", ""),
    # classes, functions and data sets
    ("network sequential mlp neuralnetwork nn model dense module", ""),
    ("load loadmodel loads", ""),
    ("save savemodel dump", ""),
    ("trainmany fitmany", ""),
    ("checkgradients gradcheck gradientcheck checkgrad", ""),
    ("onehot tocategorical onehotencode", ""),
    ("exportonnx toonnx onnx export", ""),
    ("digits mnist loaddigits fashionmnist", ""),
    ("iris loadiris", ""),
    ("wine loadwine", ""),
    ("breastcancer cancer loadbreastcancer", ""),
    ("diabetes loaddiabetes", ""),
    ("moons makemoons", ""),
    ("circles makecircles", ""),
    ("blobs makeblobs", ""),
    # arguments
    (
        "learningrateinit learningrate lr eta eta0 stepsize alpha",
        "The optimizer has the learning rate: chainrule.Adam(learning_rate=0.01).",
    ),
    (
        "epochs epoch maxepochs nepochs numepochs nbepoch maxiter niter iterations numiterations niterations",
        "net.train has the epochs: net.train(X, Y, optimizer, epochs=100).",
    ),
    ("batchsize batch minibatch minibatchsize bs", "net.train has the batch size: net.train(…, batch_size=32)."),
    ("weightdecay", "chainrule.AdamW has it; net.train(…, l2=0.1) is the term of the cost."),
    ("l2 alpha weightdecay lambda lambd lam reg regularization l2reg", "net.train has λ: net.train(…, l2=0.1)."),
    ("dropout droprate dropoutrate drop keepprob p", "net.train has it: net.train(…, dropout=0.2)."),
    ("seed randomstate randomseed rng generator", ""),
    ("weights sampleweight sampleweights exampleweights", "net.train has it: net.train(…, weights=…)."),
    ("validation validationdata evalset valdata xval", "net.train has it: net.train(…, validation=(X, Y))."),
    ("patience niternochange earlystopping earlystoppingrounds", "net.train has it: net.train(…, patience=10)."),
    ("schedule scheduler lrscheduler learningrateschedule decay", "net.train has it: net.train(…, schedule=…)."),
    ("clipnorm gradclip maxgradnorm clip clipgradnorm", "net.train has it: net.train(…, clip_norm=1.0)."),
    ("engine device backend", "net.train has it: net.train(…, engine='jax')."),
    ("shuffle", "net.train has it: net.train(…, shuffle=False)."),
    ("optimizer solver optim", "net.train takes the optimizer: net.train(X, Y, chainrule.Adam(0.01), epochs=100)."),
    (
        "verbose callbacks callback printevery printcost log logevery progressbar metrics",
        "Iterate over the training: for step in net.train(…): print(step.epoch, step.cost).",
    ),
    (
        "hiddenlayersizes sizes layers layersizes layerdims hidden units nunits hiddensizes hiddenlayers hiddenunits",
        "The network has its sizes: Network([2, 4, 1]).",
    ),
    (
        "hidden activation activations hiddenactivation act",
        "The network has the activations: Network(…, hidden='tanh').",
    ),
    (
        "output outputactivation outactivation lastactivation finalactivation",
        "The network has it: Network(…, output=…).",
    ),
    ("loss criterion lossfn lossfunction cost costfunction objective", "The network has it: Network(…, loss=…)."),
    ("init initializer weightinit kernelinitializer initialization", "The network has it: Network(…, init='he')."),
    ("dtype precision", "The network has it: Network(…, dtype='float32')."),
    ("beta momentum mu rho alpha beta1", "The optimizer has it: chainrule.Momentum(0.01, beta=0.9)."),
    ("beta1 betas b1", ""),
    ("beta2 b2", ""),
    ("epsilon eps", "The optimizer has it: chainrule.Adam(0.01, epsilon=1e-8)."),
    ("nesterov nesterovsmomentum", "chainrule.Nesterov is that optimizer."),
    # estimators of tables
    ("effort preset presets quality profile", ""),
    ("timelimit maxtime timeout timebudget maxruntimesecs timeleftforthistask", ""),
    ("category catfeatures categoricalfeatures categoricalfeature catcols categoricalcolumns categorical catidxs", ""),
    ("number numfeatures numericalfeatures numericfeatures numericcolumns numcols contcols numeric numerical", ""),
    ("date dates datefeatures datecols datetime parsedates datecolumns timestamp", ""),
    ("text textfeatures textcols textcolumns", ""),
    ("drop ignore ignoredfeatures ignoredcolumns exclude dropcolumns dropcols", ""),
    ("maxevaluations maxfun maxfev maxiter", ""),
    ("epochs stepsize tmax totaliters totalsteps decaysteps warmup", ""),
    ("factor gamma decayrate dropfactor", ""),
    ("floor etamin minlr minlearningrate", ""),
)


# Methods of other libraries' networks, and what takes their place.
_METHODS = {
    "fit fit_transform compile learn": "Train it: net.train(X, Y, chainrule.Adam(0.01), epochs=100).run().",
    "predict predict_proba decision_function predict_on_batch": "net.forward(X) gives Ŷ, a column for each example.",
    "backward loss_and_gradients grad zero_grad": "net.gradients(X, Y) gives J, dW and db.",
    "score accuracy": "Compare net.forward(X) with Y, or take net.cost(X, Y).",
    "summary": "print(net) shows its layers.",
    "coefs_ weights weight get_weights set_weights": "net.W[l] are the weights of layer l, from 1.",
    "intercepts_ biases bias": "net.b[l] are the biases of layer l, from 1.",
    "state_dict load_state_dict get_params": "net.parameters is the vector of all parameters.",
    "save to_file dump": "chainrule.save(net, 'name.chainrule') writes it.",
    "eval to cuda cpu half double float": "There are no modes and no devices; Network(…, dtype=…) is the precision.",
    "activations": "net.g are the activations; net.layers(X) gives every Z and A.",
    "optimizer": "net.train takes it: net.train(X, Y, chainrule.Adam(0.01), epochs=100).",
}


def _plain(name: object) -> str:
    return str(name).lower().replace("_", "").replace("-", "").replace(" ", "")


def same_meaning(name: object, known: Iterable[object]) -> str | None:
    """The one of the known names that is another spelling of this one, or means the same elsewhere."""
    here = {_plain(other): str(other) for other in reversed(list(known))}
    plain = _plain(name)
    meanings = [words.split() for words, _ in _MEANINGS if plain in words.split()]
    return next((here[word] for words in [[plain], *meanings] for word in words if word in here), None)


def home(name: object) -> str:
    """Who has an argument of this name, as a sentence; empty for other names."""
    return next((f" {home}" for words, home in _MEANINGS if home and _plain(name) in words.split()), "")


def no_attribute(network: object, name: str) -> Any:
    """The error for a name that `Network` does not have, with what takes the place of other libraries' methods."""
    hint = next((f" {here}" for names, here in _METHODS.items() if name in names.split()), "")
    raise AttributeError(f"'Network' object has no attribute {name!r}.{hint}", name=name, obj=network)
